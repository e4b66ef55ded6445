# The rules of a review. These runs only plan: no token is created, rotated or revoked.

run "no_token_expires_within_two_weeks" {
  command = plan

  assert {
    condition = alltrue([
      for token in var.tokens : timecmp(token.expires_at, timeadd(plantimestamp(), "336h")) > 0
      if token.expires_at != null
    ])
    error_message = "A token expires within two weeks. Set a later expires_at or remove the token."
  }
}

run "quota_is_not_exceeded" {
  command = plan

  assert {
    condition     = length(var.tokens) <= 2
    error_message = "An account may have three service account tokens, and this run uses one of them."
  }
}

run "token_without_purpose_is_rejected" {
  command = plan

  variables {
    tokens = {
      nameless = {
        description = "test"
        expires_at  = timeadd(timestamp(), "720h")
      }
    }
  }

  expect_failures = [var.tokens]
}
