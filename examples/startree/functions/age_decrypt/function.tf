# The identity is ephemeral, so the result is, too: neither is in a state or a plan.
variable "age_identity" {
  type      = string
  ephemeral = true
  sensitive = true
}

resource "startree_service_token" "ci" {
  description    = "CI pipeline"
  age_recipients = ["age1d3lcgzmrzsngru8cr6h84ge48wkchmsg5nzxrea5atyncnjg448s5p2c67"]
}

resource "vault_kv_secret_v2" "ci" {
  mount = "secret"
  name  = "startree/ci"
  data_json_wo = jsonencode({
    token = provider::startree::age_decrypt(startree_service_token.ci.encrypted_token, var.age_identity)
  })
  data_json_wo_version = startree_service_token.ci.generation
}
