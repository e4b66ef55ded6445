data "neuroio_stream_tokens" "permanent" {
  permanent = true
}

# Permanent tokens beyond those that are managed here: made by hand, or left by a run that was killed.
output "tokens_to_look_into" {
  value = data.neuroio_stream_tokens.permanent.tokens[*].id
}
