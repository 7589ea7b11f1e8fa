// The daemon as one container group in a virtual network: see README.md.
targetScope = 'resourceGroup'

@description('Name of the container group and of its identity.')
param name string = 'rollout'

param location string = resourceGroup().location

@description('The image of the daemon, best by digest: contoso.azurecr.io/tools/rollout@sha256:…')
param image string

@description('Name of the registry that holds that image and the images to roll out.')
param registry string

param registryResourceGroup string = resourceGroup().name

@description('Where the container groups and profiles that it rolls out are.')
param workloadsResourceGroup string

@description('A subnet delegated to Microsoft.ContainerInstance/containerGroups that has a way out, such as a NAT gateway.')
param subnetId string

@description('File name to content in base64: the manifests and their templates.')
param manifests object

@description('postgresql://user:password@host/database?sslmode=require')
@secure()
param store string

@description('Bearer tokens that may read, separated by commas, each name=token.')
@secure()
param readToken string

@description('Bearer tokens that may also give orders, separated by commas, each name=token.')
@secure()
param operateToken string

@description('What webhooks must show.')
@secure()
param webhookSecret string

@description('Further secrets by environment variable, for what the templates call \${env:NAME}.')
@secure()
param secrets object = {}

@description('Customer id of a Log Analytics workspace for the log; empty for none.')
param logWorkspaceId string = ''

@secure()
param logWorkspaceKey string = ''

var port = 8090

var settings = [
  { name: 'AZURE_CLIENT_ID', value: identity.properties.clientId }
  { name: 'ROLLOUT_LISTEN', value: '0.0.0.0:${port}' }
  { name: 'ROLLOUT_STORE', secureValue: store }
  { name: 'ROLLOUT_READ_TOKEN', secureValue: readToken }
  { name: 'ROLLOUT_OPERATE_TOKEN', secureValue: operateToken }
  { name: 'ROLLOUT_WEBHOOK_SECRET', secureValue: webhookSecret }
]

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: name
  location: location
}

module workloads 'workloads.bicep' = {
  name: '${name}-workloads'
  scope: resourceGroup(workloadsResourceGroup)
  params: { principalId: identity.properties.principalId }
}

module pull 'registry.bicep' = {
  name: '${name}-registry'
  scope: resourceGroup(registryResourceGroup)
  params: { registry: registry, principalId: identity.properties.principalId }
}

resource group 'Microsoft.ContainerInstance/containerGroups@2023-05-01' = {
  name: name
  location: location
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identity.id}': {} }
  }
  properties: {
    sku: 'Standard'
    osType: 'Linux'
    restartPolicy: 'Always'
    subnetIds: [{ id: subnetId }]
    ipAddress: {
      type: 'Private'
      ports: [{ port: port, protocol: 'TCP' }]
    }
    imageRegistryCredentials: [{ server: '${registry}${az.environment().suffixes.acrLoginServer}', identity: identity.id }]
    containers: [
      {
        name: 'rollout'
        properties: {
          image: image
          command: ['rollout', 'daemon', '/manifests', '--log-format', 'json']
          ports: [{ port: port, protocol: 'TCP' }]
          resources: { requests: { cpu: json('0.5'), memoryInGB: json('0.5') } }
          environmentVariables: concat(settings, map(items(secrets), item => { name: item.key, secureValue: item.value }))
          volumeMounts: [{ name: 'manifests', mountPath: '/manifests', readOnly: true }]
          livenessProbe: {
            httpGet: { path: '/healthz', port: port, scheme: 'http' }
            initialDelaySeconds: 20
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 3
          }
          readinessProbe: {
            httpGet: { path: '/readyz', port: port, scheme: 'http' }
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 3
          }
        }
      }
    ]
    volumes: [{ name: 'manifests', secret: manifests }]
    diagnostics: empty(logWorkspaceId)
      ? null
      : {
          logAnalytics: {
            logType: 'ContainerInstanceLogs'
            workspaceId: logWorkspaceId
            workspaceKey: logWorkspaceKey
          }
        }
  }
  // Without the right to pull, the group's first start fails; without the other rights, so would its first rollout.
  dependsOn: [pull, workloads]
}

output address string = group.properties.ipAddress.ip
output principalId string = identity.properties.principalId
