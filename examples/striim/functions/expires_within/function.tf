data "striim_token" "ci" {
  name = "ci-pipeline"
}

# Warns in each plan in the last two weeks before the expiry, and after it. A legacy token has no expiry: expires_at is null.
# The message must not contain null, because Terraform evaluates it even if the condition is true.
check "ci_token" {
  assert {
    condition     = !provider::striim::expires_within(data.striim_token.ci.expires_at, "14d", plantimestamp())
    error_message = "The token of ci-pipeline expires at ${coalesce(data.striim_token.ci.expires_at, "no time")}."
  }
}
