# The identity is ephemeral, so the result is, too: neither is in a state or a plan.
variable "age_identity" {
  type      = string
  ephemeral = true
  sensitive = true
}

resource "neuroio_stream_token" "ci" {
  permanent      = true
  age_recipients = ["age1d3lcgzmrzsngru8cr6h84ge48wkchmsg5nzxrea5atyncnjg448s5p2c67"]
}

resource "vault_kv_secret_v2" "ci" {
  mount = "secret"
  name  = "neuroio/ci"
  data_json_wo = jsonencode({
    key = provider::neuroio::age_decrypt(neuroio_stream_token.ci.encrypted_key, var.age_identity)
  })
  data_json_wo_version = neuroio_stream_token.ci.generation
}
