data "striim_token" "ci" {
  name = "ci-pipeline"
}

# A warning in each plan that is made within two weeks of the end, and after it.
check "ci_token" {
  assert {
    condition     = !provider::striim::expires_within(data.striim_token.ci.expires_at, "14d", plantimestamp())
    error_message = "The token of ci-pipeline ends at ${data.striim_token.ci.expires_at}."
  }
}
