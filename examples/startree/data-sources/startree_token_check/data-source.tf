# The provider's own token, as none is given.
data "startree_token_check" "own" {}

check "own_token" {
  assert {
    condition     = data.startree_token_check.own.valid
    error_message = "Pinot does not let in the token that the provider works with."
  }
}
