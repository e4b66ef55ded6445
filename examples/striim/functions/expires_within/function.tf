data "striim_token" "ci" {
  name = "ci-pipeline"
}

# A warning in each plan that is made within two weeks of the expiry, and after it. A legacy token never expires: its
# expires_at is null. Terraform evaluates the message in any case, and fails if it holds a null.
check "ci_token" {
  assert {
    condition     = !provider::striim::expires_within(data.striim_token.ci.expires_at, "14d", plantimestamp())
    error_message = "The token of ci-pipeline expires at ${coalesce(data.striim_token.ci.expires_at, "no time")}."
  }
}
