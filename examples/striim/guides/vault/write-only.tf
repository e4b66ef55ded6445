resource "striim_service_account_token" "ci" {
  name          = "ci-pipeline"
  expires_in    = "90d"
  rotate_before = "14d"
}

# The generation is known when a rotation is planned, so the new value is written in the same run.
resource "vault_kv_secret_v2" "ci" {
  mount                = "secret"
  name                 = "striim/ci"
  data_json_wo         = jsonencode({ token = striim_service_account_token.ci.token })
  data_json_wo_version = striim_service_account_token.ci.generation
}
