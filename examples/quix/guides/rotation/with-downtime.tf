resource "quix_streaming_tokens" "shop" {
  workspace_id = "acme-shop-prod"

  rotation_triggers = {
    # Change this to rotate: to the day, or to what it is for.
    rotated = var.rotated
  }
}

variable "rotated" {
  description = "When the streaming tokens were to be rotated last. A change ends token 1."
  type        = string
  default     = "2027-01-15"
}
