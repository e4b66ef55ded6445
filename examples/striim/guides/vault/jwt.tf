# The CI system issues the JWT for the job; TERRAFORM_VAULT_AUTH_JWT or VAULT_ID_TOKEN contains it.
provider "striim" {
  vault = {
    address = "https://vault.example.com:8200"
    auth    = { method = "jwt", mount = "gitlab", role = "striim" }
  }
}
