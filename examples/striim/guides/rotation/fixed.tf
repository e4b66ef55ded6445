# Expires with the contract. A change of expires_at rotates the token.
resource "striim_service_account_token" "partner" {
  name        = "partner-loads"
  description = "Loads the partner's files until the contract ends"
  expires_at  = "2027-06-30T00:00:00Z"
}
