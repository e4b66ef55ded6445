# The identity is ephemeral, so the result is, too: neither is in a state or a plan.
variable "age_identity" {
  type      = string
  ephemeral = true
  sensitive = true
}

resource "quix_personal_access_token" "ci" {
  name           = "ci-pipeline"
  expires_in     = "90d"
  age_recipients = ["age1d3lcgzmrzsngru8cr6h84ge48wkchmsg5nzxrea5atyncnjg448s5p2c67"]
}

resource "vault_kv_secret_v2" "ci" {
  mount = "secret"
  name  = "quix/ci"
  data_json_wo = jsonencode({
    token = provider::quix::age_decrypt(quix_personal_access_token.ci.encrypted_token, var.age_identity)
  })
  data_json_wo_version = quix_personal_access_token.ci.generation
}
