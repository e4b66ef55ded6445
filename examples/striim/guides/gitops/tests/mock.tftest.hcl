# Checks the configuration with a mocked provider: no account, no credential, no network.

mock_provider "striim" {
  mock_resource "striim_service_account_token" {
    defaults = {
      generation = 1
    }
  }
}

run "each_entry_creates_one_token" {
  assert {
    condition = alltrue([
      for name, token in var.tokens :
      striim_service_account_token.this[name].name == name &&
      (token.expires_at == null || striim_service_account_token.this[name].expires_at == token.expires_at)
    ])
    error_message = "A token must have the name and the expiry from the file."
  }

  assert {
    condition     = output.generations == { for name in keys(var.tokens) : name => 1 }
    error_message = "The output must contain the generation of every token."
  }
}

run "empty_file_creates_nothing" {
  variables {
    tokens = {}
  }

  assert {
    condition     = length(striim_service_account_token.this) == 0
    error_message = "Only entries of the file may create tokens."
  }
}
