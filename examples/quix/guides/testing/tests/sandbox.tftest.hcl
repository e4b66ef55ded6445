# The life of the tokens in the sandbox. These runs create tokens, hence not in a real organisation.

run "first_release_creates_the_token" {
  variables {
    jobs = { deploy = "1" }
  }

  assert {
    condition     = output.generations["deploy"] > 0
    error_message = "A new token must have a generation."
  }
}

run "next_release_rotates_the_token_once" {
  variables {
    jobs = { deploy = "2" }
  }

  assert {
    condition     = output.generations["deploy"] == run.first_release_creates_the_token.generations["deploy"] + 1
    error_message = "A new release must rotate the token exactly once."
  }
}
