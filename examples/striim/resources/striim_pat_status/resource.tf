# Ends every personal access token of the account at once.
resource "striim_pat_status" "account" {
  enabled    = false
  on_destroy = "keep" # or "enable", or "disable"
}
