# Ends when the contract ends, whatever happens; another instant rotates it.
resource "striim_service_account_token" "partner" {
  name        = "partner-loads"
  description = "Loads the partner's files until the contract ends"
  expires_at  = "2027-06-30T00:00:00Z"
}
