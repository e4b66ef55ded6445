resource "quix_streaming_tokens" "shop" {
  workspace_id = "acme-shop-prod"

  # printf %s "$LEAKED" | sha256sum
  revoke_sha256 = var.leaked_sha256

  # Every change revokes token 1.
  forced_rotation_triggers = {
    incident = var.incident
  }
}

variable "leaked_sha256" {
  description = "SHA-256 hashes of tokens that must be revoked."
  type        = set(string)
  default     = []
}

variable "incident" {
  description = "The last incident for which token 1 was revoked."
  type        = string
  default     = "none"
}
