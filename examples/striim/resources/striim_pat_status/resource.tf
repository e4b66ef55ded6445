# Disables personal access tokens, which revokes all of them at once.
resource "striim_pat_status" "account" {
  enabled    = false
  on_destroy = "keep" # or "enable" or "disable"
}
