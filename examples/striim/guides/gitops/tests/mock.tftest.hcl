# What this configuration makes of the file, with a provider that asks nobody: no account, no token, no network.

mock_provider "striim" {
  mock_resource "striim_service_account_token" {
    defaults = {
      generation = 1
    }
  }
}

run "every_token_of_the_file_is_made_as_it_says" {
  assert {
    condition = alltrue([
      for name, token in var.tokens :
      striim_service_account_token.this[name].name == name &&
      (token.expires_at == null || striim_service_account_token.this[name].expires_at == token.expires_at)
    ])
    error_message = "A token is to have the name and the end that the file gives it."
  }

  assert {
    condition     = output.generations == { for name in keys(var.tokens) : name => 1 }
    error_message = "The generation of every token is to be put out."
  }
}

run "without_a_token_there_is_none" {
  variables {
    tokens = {}
  }

  assert {
    condition     = length(striim_service_account_token.this) == 0
    error_message = "Only the file says which tokens there are."
  }
}
