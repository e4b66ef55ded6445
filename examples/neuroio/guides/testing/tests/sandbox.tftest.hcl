# The life of the tokens in the sandbox. These runs create tokens, hence not in a real account.

run "first_firmware_creates_the_token" {
  variables {
    cameras = { door = "1.0" }
  }

  assert {
    condition     = output.generations["door"] > 0
    error_message = "A new token must have a generation."
  }
}

run "new_firmware_rotates_the_token_once" {
  variables {
    cameras = { door = "1.1" }
  }

  assert {
    condition     = output.generations["door"] == run.first_firmware_creates_the_token.generations["door"] + 1
    error_message = "A new firmware must rotate the token exactly once."
  }
}
