# Exists for this run only: in no state and no plan, revoked at the end of the run.
ephemeral "striim_service_account_token" "setup" {
  name_prefix = "setup"
  expires_in  = "1h"
}

# Another provider, or another alias of this one, authenticates with it.
provider "striim" {
  alias   = "setup"
  account = "acme"
  cloud   = "gcp"
  token   = ephemeral.striim_service_account_token.setup.token
}

data "striim_service_account_tokens" "all" {
  provider = striim.setup
}
