# Tokens that have not expired yet, and expire before July 2027.
list "striim_service_account_token" "expiring" {
  provider = striim

  config {
    expired        = false
    expires_before = "2027-06-30T00:00:00Z"
  }
}
