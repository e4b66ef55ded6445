# Checks the module with a mocked provider: no organisation, no credential, no network.

mock_provider "quix" {
  mock_resource "quix_personal_access_token" {
    defaults = {
      generation = 1
    }
  }
}

run "each_job_gets_one_token_for_90_days" {
  variables {
    jobs = { deploy = "1", nightly = "7" }
  }

  assert {
    condition     = alltrue([for name, token in quix_personal_access_token.job : token.name == name && token.expires_in == "90d"])
    error_message = "A token must have the name of its job, and expire after 90 days."
  }

  assert {
    condition     = output.generations == { deploy = 1, nightly = 1 }
    error_message = "The output must contain the generation of every token."
  }
}
