variable "age_identity" {
  type      = string
  ephemeral = true
}

resource "striim_service_account_token" "ci" {
  name           = "ci-pipeline"
  expires_in     = "90d"
  rotate_before  = "14d"
  age_recipients = ["age1d3lcgzmrzsngru8cr6h84ge48wkchmsg5nzxrea5atyncnjg448s5p2c67"]
}

resource "kubernetes_secret_v1" "ci" {
  metadata {
    name      = "striim-ci"
    namespace = "pipelines"
  }

  data_wo = {
    token = provider::striim::age_decrypt(striim_service_account_token.ci.encrypted_token, var.age_identity)
  }
  data_wo_revision = striim_service_account_token.ci.generation
}
