data "neuroio_stream_tokens" "permanent" {
  permanent = true
}

# Compare these ids with the managed tokens: others were created by hand or are orphans of killed runs.
output "permanent_token_ids" {
  value = data.neuroio_stream_tokens.permanent.tokens[*].id
}
