# Tokens that expire within 30 days, or have expired.
data "striim_service_account_tokens" "expiring" {
  expires_before = provider::striim::duration_add(plantimestamp(), "30d")
}

# Warns in each plan while there are such tokens.
check "no_token_expires_soon" {
  assert {
    condition     = length(data.striim_service_account_tokens.expiring.tokens) == 0
    error_message = "Rotate these tokens soon: ${join(", ", data.striim_service_account_tokens.expiring.tokens[*].name)}."
  }
}
