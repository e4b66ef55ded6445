# What a review would look for. These plan only: nothing is made, rotated or revoked.

run "no_token_ends_within_two_weeks" {
  command = plan

  assert {
    condition = alltrue([
      for token in var.tokens : timecmp(token.expires_at, timeadd(plantimestamp(), "336h")) > 0
      if token.expires_at != null
    ])
    error_message = "A token ends within two weeks: give it a later expires_at, or take it out."
  }
}

run "the_quota_is_kept" {
  command = plan

  assert {
    condition     = length(var.tokens) <= 2
    error_message = "An account has three service account tokens at most, and this run works with one of them."
  }
}

run "a_token_without_a_purpose_is_refused" {
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
