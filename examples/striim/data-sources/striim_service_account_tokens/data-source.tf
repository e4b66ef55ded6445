# What ends within a month, or has ended already.
data "striim_service_account_tokens" "ending" {
  expires_before = provider::striim::duration_add(plantimestamp(), "30d")
}

# A warning in each plan while there is any.
check "no_token_is_ending" {
  assert {
    condition     = length(data.striim_service_account_tokens.ending.tokens) == 0
    error_message = "To be rotated soon: ${join(", ", data.striim_service_account_tokens.ending.tokens[*].name)}."
  }
}
