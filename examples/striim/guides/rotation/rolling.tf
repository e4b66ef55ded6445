# Valid for 90 days. The first apply in the last 14 days rotates it.
resource "striim_service_account_token" "nightly" {
  name          = "nightly-jobs"
  description   = "Runs the nightly loads"
  expires_in    = "90d"
  rotate_before = "14d"
}
