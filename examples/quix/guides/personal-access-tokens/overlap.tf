# A plan in the last 14 days of the 90 rotates the token. The previous one remains valid for two more hours, so that clients can
# be restarted. The first apply after that deletes it.
resource "quix_personal_access_token" "ci" {
  name          = "ci"
  expires_in    = "90d"
  rotate_before = "14d"
  overlap       = "2h"
}

output "ci_token" {
  value     = quix_personal_access_token.ci.token
  sensitive = true
}
