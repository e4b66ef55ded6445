# The token of a service account.
data "striim_token" "ci" {
  name = "ci-pipeline"
}

# The personal access token of a user, for administrators.
data "striim_token" "jo" {
  email = "jo@example.com"
}

# A warning in each plan that is made within two weeks of the end.
check "ci_token" {
  assert {
    condition     = timecmp(data.striim_token.ci.expires_at, timeadd(plantimestamp(), "336h")) > 0
    error_message = "The token of ci-pipeline ends at ${data.striim_token.ci.expires_at}."
  }
}
