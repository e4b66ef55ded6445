# The private key of the recipient, from the environment variable TF_VAR_age_identity of the run.
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

# A new generation sends the new value in the run that rotates.
resource "aws_secretsmanager_secret_version" "ci" {
  secret_id                = "striim/ci"
  secret_string_wo         = provider::striim::age_decrypt(striim_service_account_token.ci.encrypted_token, var.age_identity)
  secret_string_wo_version = striim_service_account_token.ci.generation
}
