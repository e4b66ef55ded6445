# Which tokens end in the next months?
list "striim_service_account_token" "ending" {
  provider = striim

  config {
    expired        = false
    expires_before = "2027-06-30T00:00:00Z"
  }
}
