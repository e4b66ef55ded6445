# Authenticates with VAULT_TOKEN or the token that `vault login` stored.
provider "striim" {
  vault = {
    address = "https://vault.example.com:8200"
  }
}

# The value is written to Vault and is in no state.
resource "striim_service_account_token" "ci" {
  name          = "ci-pipeline"
  expires_in    = "90d"
  rotate_before = "14d"

  vault = {
    mount = "secret"
    path  = "striim/ci"
  }
}

# Resources that read the secret can depend on its version.
output "ci_token_version" {
  value = striim_service_account_token.ci.vault_version
}
