resource "striim_pat_status" "account" {
  enabled = true
}

# Creating this resource revokes Jo's present token. The new one is valid for 30 days; the first apply in the last 7 days
# rotates it.
resource "striim_personal_access_token" "jo" {
  email         = "jo@example.com"
  expires_in    = "30d"
  rotate_before = "7d"

  depends_on = [striim_pat_status.account]
}
