# All tokens that have not expired.
list "quix_personal_access_token" "valid" {
  provider = quix

  config {
    expired = false
  }
}
