resource "striim_pat_status" "account" {
  enabled = true
}

# Jo's token, renewed by the first apply in the last week of its 30 days. Creating this ends the one that Jo has.
resource "striim_personal_access_token" "jo" {
  email         = "jo@example.com"
  expires_in    = "30d"
  rotate_before = "7d"

  depends_on = [striim_pat_status.account]
}
