resource "quix_streaming_tokens" "shop" {
  workspace_id = "acme-shop-prod"

  rotation_triggers = {
    rotated = var.rotated
  }
}

# What every service is given as its streaming token, in a variable of its own.
output "streaming_token" {
  value     = var.slot == 1 ? quix_streaming_tokens.shop.token_1 : quix_streaming_tokens.shop.token_2
  sensitive = true
}

variable "rotated" {
  description = "When the streaming tokens were to be rotated last. A change ends token 1."
  type        = string
  default     = "2027-01-15"
}

variable "slot" {
  description = "Which of the two tokens the services are given: 1, or 2 before a rotation."
  type        = number
  default     = 1

  validation {
    condition     = contains([1, 2], var.slot)
    error_message = "There are two slots, 1 and 2."
  }
}
