# The lifecycle of a token against `token-sandbox`. These runs create tokens, hence not against a real account.

provider "striim" {
  base_url = "http://127.0.0.1:8080/api/v1"
}

run "apply_creates_the_token" {
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
    error_message = "A new token must have a generation."
  }
}

run "later_expiry_rotates_in_place" {
  variables {
    tokens = {
      trial = {
        description = "Shows what this configuration does"
        expires_at  = timeadd(timestamp(), "1440h")
      }
    }
    # OpenTofu knows former runs here, but not in an assertion.
    before = run.apply_creates_the_token.generations
  }

  assert {
    condition     = output.generations["trial"] == var.before["trial"] + 1
    error_message = "A later expires_at must rotate the token exactly once."
  }
}
