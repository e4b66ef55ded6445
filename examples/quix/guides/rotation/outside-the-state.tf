# The state has the tokens only encrypted: here to the pipeline, which has the identity.
resource "quix_streaming_tokens" "shop" {
  workspace_id   = "acme-shop-prod"
  age_recipients = ["age1d3lcgzmrzsngru8cr6h84ge48wkchmsg5nzxrea5atyncnjg448s5p2c67"]

  rotation_triggers = {
    rotated = var.rotated
  }
}

output "encrypted_streaming_token" {
  value = var.slot == 1 ? quix_streaming_tokens.shop.encrypted_token_1 : quix_streaming_tokens.shop.encrypted_token_2
}

variable "rotated" {
  description = "The date of the last planned rotation. A change revokes token 1."
  type        = string
  default     = "2027-01-15"
}

variable "slot" {
  description = "The token that the services use: 1, or 2 before a rotation."
  type        = number
  default     = 1
}
