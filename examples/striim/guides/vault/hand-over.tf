# The token to work with comes from VAULT_TOKEN, or from `vault login`.
provider "striim" {
  vault = {
    address = "https://vault.example.com:8200"
  }
}

# The value goes to Vault and nowhere else.
resource "striim_service_account_token" "ci" {
  name          = "ci-pipeline"
  expires_in    = "90d"
  rotate_before = "14d"

  vault = {
    mount = "secret"
    path  = "striim/ci"
  }
}

# Whatever reads the secret is told that there is a new version.
output "ci_token_version" {
  value = striim_service_account_token.ci.vault_version
}
