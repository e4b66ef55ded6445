resource "quix_streaming_tokens" "shop" {
  workspace_id = "acme-shop-prod"

  rotation_triggers = {
    rotated = var.rotated
  }
}

# The streaming token of all services, which they read from a separate variable.
output "streaming_token" {
  value     = var.slot == 1 ? quix_streaming_tokens.shop.token_1 : quix_streaming_tokens.shop.token_2
  sensitive = true
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

  validation {
    condition     = contains([1, 2], var.slot)
    error_message = "The slot must be 1 or 2."
  }
}
