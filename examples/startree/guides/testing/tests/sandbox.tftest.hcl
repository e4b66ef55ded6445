# The life of the tokens in the sandbox. These runs create tokens, hence not in a real environment.

run "first_release_creates_the_token" {
  variables {
    readers = { dashboards = "1" }
  }

  assert {
    condition     = output.generations["dashboards"] > 0
    error_message = "A new token must have a generation."
  }
}

run "next_release_rotates_the_token_once" {
  variables {
    readers = { dashboards = "2" }
  }

  assert {
    condition     = output.generations["dashboards"] == run.first_release_creates_the_token.generations["dashboards"] + 1
    error_message = "A new release must rotate the token exactly once."
  }
}
