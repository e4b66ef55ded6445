# Checks the module with a mocked provider: no environment, no credential, no network.

mock_provider "startree" {
  mock_resource "startree_service_token" {
    defaults = {
      generation = 1
    }
  }
}

run "each_service_gets_one_token" {
  variables {
    readers = { dashboards = "1", exports = "4" }
  }

  assert {
    condition     = startree_service_token.reader["dashboards"].description == "dashboards"
    error_message = "A token must be described by the name of its service."
  }

  assert {
    condition     = output.generations == { dashboards = 1, exports = 1 }
    error_message = "The output must contain the generation of every token."
  }
}
