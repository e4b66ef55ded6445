terraform {
  required_providers {
    quix = {
      source  = "token-providers/quix"
      version = "~> 0.1.0"
    }
  }
}

# The address of the Portal API and the token are in the environment variables Quix__Portal__Api and Quix__Sdk__Token.
provider "quix" {}
