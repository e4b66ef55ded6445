# VAULT_ROLE_ID and VAULT_SECRET_ID contain the RoleID and the SecretID.
provider "striim" {
  vault = {
    address = "https://vault.example.com:8200"
    auth    = { method = "approle" }
  }
}
