# Without `token`, the provider's own token is checked.
data "startree_token_check" "own" {}

check "own_token" {
  assert {
    condition     = data.startree_token_check.own.valid
    error_message = "Pinot does not accept the provider's token."
  }
}
