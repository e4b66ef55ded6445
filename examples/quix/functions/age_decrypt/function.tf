# A value that the repository stores encrypted. The identity is ephemeral, so the result is, too.
variable "age_identity" {
  type      = string
  ephemeral = true
  sensitive = true
}

locals {
  token = provider::quix::age_decrypt(file("token.age"), var.age_identity)
}
