# The tokens that expire this month.
data "quix_personal_access_tokens" "expiring" {
  expired        = false
  expires_before = "2027-02-01T00:00:00Z"
}

output "expiring_tokens" {
  value = data.quix_personal_access_tokens.expiring.tokens[*].name
}
