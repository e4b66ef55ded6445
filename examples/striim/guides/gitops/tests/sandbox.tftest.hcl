# The life of a token, against `striim-sandbox`: these make tokens, so the address is no account's.

provider "striim" {
  base_url = "http://127.0.0.1:8080/api/v1"
}

run "a_token_is_made" {
  variables {
    tokens = {
      trial = {
        description = "Shows what this configuration does"
        expires_at  = timeadd(timestamp(), "720h")
      }
    }
  }

  assert {
    condition     = output.generations["trial"] > 0
    error_message = "The first value of a token is to have a number."
  }
}

run "a_later_end_rotates_it_in_place" {
  variables {
    tokens = {
      trial = {
        description = "Shows what this configuration does"
        expires_at  = timeadd(timestamp(), "1440h")
      }
    }
  }

  assert {
    condition     = output.generations["trial"] == run.a_token_is_made.generations["trial"] + 1
    error_message = "A later expires_at is to rotate the token once."
  }
}
