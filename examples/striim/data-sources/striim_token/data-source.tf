# The token of a service account.
data "striim_token" "ci" {
  name = "ci-pipeline"
}

# The personal access token of a user, for administrators.
data "striim_token" "jo" {
  email = "jo@example.com"
}

locals {
  # A legacy token never expires: its expires_at is null, which timecmp does not accept.
  ci_expires_at = coalesce(data.striim_token.ci.expires_at, "9999-12-31T23:59:59Z")
}

# Warns in each plan in the last two weeks before the expiry, and after it.
check "ci_token" {
  assert {
    condition     = timecmp(local.ci_expires_at, timeadd(plantimestamp(), "336h")) > 0
    error_message = "The token of ci-pipeline expires at ${local.ci_expires_at}."
  }
}
