"""The fields of the Gateway API's kinds with their limits and defaults, as `shapes` reads them."""

from __future__ import annotations

GATEWAY = """
ReferenceGrant: spec! ReferenceGrantSpec
ReferenceGrantSpec: from! [ReferenceGrantFrom](1..16); to! [ReferenceGrantTo](1..16)
ReferenceGrantTo: group! str(..253,/group); kind! str(1..63,/kind); name str(1..253)
ReferenceGrantFrom: group! str(..253,/group); kind! str(1..63,/kind); namespace! str(1..63,/label)
GatewayClass: spec! GatewayClassSpec; status GatewayClassStatus =NEW_CLASS
GatewayClassStatus: conditions [GatewayCondition|type](..8) =NEW_CLASS_CONDITIONS; supportedFeatures
  [SupportedFeature|name](..64)
SupportedFeature: name! str
GatewayClassSpec: controllerName! str(1..253,/controller); description str(..64); parametersRef ObjectRef
Gateway: spec! GatewaySpec; status GatewayStatus =NEW_GATEWAY
GatewayStatus: addresses [GatewayStatusAddress](..16); attachedListenerSets int32; conditions
  [GatewayCondition|type](..8) =NEW_GATEWAY_CONDITIONS; listeners [ListenerStatus|name](..64)
ListenerStatus: attachedRoutes! int32; conditions! [GatewayCondition|type](..8); name! str(1..253,/subdomain);
  supportedKinds [RouteGroupKind](..8)
GatewayStatusAddress: type str(1..253,/addressType) ="IPAddress"; value! str(1..253)
GatewaySpec: addresses [GatewayAddress](..16); allowedListeners AllowedListeners; gatewayClassName! str(1..253);
  infrastructure GatewayInfrastructure; listeners! [Listener|name](1..64); tls GatewayTLS
GatewayTLS: backend GatewayBackendTLS; frontend GatewayFrontendTLS
GatewayFrontendTLS: default! TLSConfig; perPort [TLSPortConfig|port](..64)
TLSPortConfig: port! int32(1..65535); tls! TLSConfig
TLSConfig: validation FrontendTLSValidation
FrontendTLSValidation: caCertificateRefs! [ObjectRef](1..16); mode str(AllowValidOnly|AllowInsecureFallback)
  ="AllowValidOnly"
ObjectRef: group! str(..253,/group); kind! str(1..63,/kind); name! str(1..253); namespace str(1..63,/label)
GatewayBackendTLS: clientCertificateRef SecretRef
Listener: allowedRoutes AllowedRoutes ={"namespaces":{"from":"Same"}}; hostname str(1..253,/hostname); name!
  str(1..253,/subdomain); port! int32(1..65535); protocol! str(1..255,/protocol); tls ListenerTLS
ListenerTLS: certificateRefs [SecretRef](..64); mode str(Terminate|Passthrough) ="Terminate"; options
  {str(0..4096)}(..16)
SecretRef: group str(..253,/group) =""; kind str(1..63,/kind) ="Secret"; name! str(1..253); namespace
  str(1..63,/label)
AllowedRoutes: kinds [RouteGroupKind](..8); namespaces RouteNamespaces ={"from":"Same"}
RouteNamespaces: from str(All|Selector|Same) ="Same"; selector GatewayLabelSelector@
RouteGroupKind: group str(..253,/group) ="gateway.networking.k8s.io"; kind! str(1..63,/kind)
GatewayInfrastructure: annotations {str(0..4096)}(..16); labels {str(0..63,/labelValue)}(..8); parametersRef
  LocalObjectRef
AllowedListeners: namespaces ListenerNamespaces ={"from":"None"}
ListenerNamespaces: from str(All|Selector|Same|None) ="None"; selector GatewayLabelSelector@
GatewayLabelSelector: matchExpressions [GatewayMatchExpression]; matchLabels {str}
GatewayMatchExpression: key! str; operator! str; values [str]
GatewayAddress: type str(1..253,/addressType) ="IPAddress"; value str(..253)
GRPCRoute: spec! GRPCRouteSpec; status RouteStatus
GRPCRouteSpec: hostnames [str(1..253,/hostname)](..16); parentRefs [ParentReference](..32); rules
  [GRPCRouteRule](..16)
GRPCRouteRule: backendRefs [GRPCBackendRef](..16); filters [GRPCRouteFilter](..16); matches [GRPCRouteMatch](..64);
  name str(1..253,/subdomain)
GRPCRouteMatch: headers [HeaderMatch|name](..16); method GRPCMethodMatch
GRPCMethodMatch: method str(..1024); service str(..1024); type str(Exact|RegularExpression) ="Exact"
GRPCBackendRef: filters [GRPCRouteFilter](..16); group str(..253,/group) =""; kind str(1..63,/kind) ="Service"; name!
  str(1..253); namespace str(1..63,/label); port int32(1..65535); weight int32(0..1000000) =1
GRPCRouteFilter: extensionRef LocalObjectRef; requestHeaderModifier HeaderModifier; requestMirror RequestMirror;
  responseHeaderModifier HeaderModifier; type!
  str(ResponseHeaderModifier|RequestHeaderModifier|RequestMirror|ExtensionRef)
HTTPRoute: spec! HTTPRouteSpec; status RouteStatus
RouteStatus: parents! [RouteParentStatus](..32)
RouteParentStatus: conditions! [GatewayCondition|type](1..8); controllerName! str(1..253,/controller); parentRef!
  ParentReference
GatewayCondition: lastTransitionTime! time; message! str(..32768); observedGeneration int64(0..); reason!
  str(1..1024,/reason); status! str(True|False|Unknown); type! str(..316,/condition)
HTTPRouteSpec: hostnames [str(1..253,/hostname)](..16); parentRefs [ParentReference](..32); rules
  [HTTPRouteRule](1..16) =[{"matches":[{"path":{"type":"PathPrefix","value":"/"}}]}]
HTTPRouteRule: backendRefs [HTTPBackendRef](..16); filters [HTTPRouteFilter](..16); matches [HTTPRouteMatch](..64)
  =[{"path":{"type":"PathPrefix","value":"/"}}]; name str(1..253,/subdomain); timeouts HTTPRouteTimeouts
HTTPRouteTimeouts: backendRequest str(/duration); request str(/duration)
HTTPRouteMatch: headers [HeaderMatch|name](..16); method str(GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH);
  path HTTPPathMatch ={"type":"PathPrefix","value":"/"}; queryParams [HTTPQueryParamMatch|name](..16)
HTTPQueryParamMatch: name! str(1..256,/header); type str(Exact|RegularExpression) ="Exact"; value! str(1..1024)
HTTPPathMatch: type str(Exact|PathPrefix|RegularExpression) ="PathPrefix"; value str(..1024) ="/"
HeaderMatch: name! str(1..256,/header); type str(Exact|RegularExpression) ="Exact"; value! str(1..4096)
HTTPBackendRef: filters [HTTPRouteFilter](..16); group str(..253,/group) =""; kind str(1..63,/kind) ="Service"; name!
  str(1..253); namespace str(1..63,/label); port int32(1..65535); weight int32(0..1000000) =1
HTTPRouteFilter: cors HTTPCORS; extensionRef LocalObjectRef; requestHeaderModifier HeaderModifier; requestMirror
  RequestMirror; requestRedirect HTTPRequestRedirect; responseHeaderModifier HeaderModifier; type!
  str(RequestHeaderModifier|ResponseHeaderModifier|RequestMirror|RequestRedirect|URLRewrite|ExtensionRef|CORS);
  urlRewrite HTTPURLRewrite
HTTPURLRewrite: hostname str(1..253,/subdomain); path HTTPPathModifier
HTTPRequestRedirect: hostname str(1..253,/subdomain); path HTTPPathModifier; port int32(1..65535); scheme
  str(http|https); statusCode int64(301|302|303|307|308) =302
HTTPPathModifier: replaceFullPath str(..1024); replacePrefixMatch str(..1024); type!
  str(ReplaceFullPath|ReplacePrefixMatch)
RequestMirror: backendRef! BackendObjectReference; fraction Fraction; percent int32(0..100)
Fraction: denominator int32(1..) =100; numerator! int32(0..)
BackendObjectReference: group str(..253,/group) =""; kind str(1..63,/kind) ="Service"; name! str(1..253); namespace
  str(1..63,/label); port int32(1..65535)
HeaderModifier: add [HTTPHeaderValue|name](..16); remove [str|set](..16); set [HTTPHeaderValue|name](..16)
HTTPHeaderValue: name! str(1..256,/header); value! str(1..4096)
LocalObjectRef: group! str(..253,/group); kind! str(1..63,/kind); name! str(1..253)
HTTPCORS: allowCredentials bool; allowHeaders [str(1..256,/header)|set](..64); allowMethods
  [str(GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH|*)|set](..9); allowOrigins
  [str(1..253,/origin)|set](..64); exposeHeaders [str(1..256,/header)|set](..64); maxAge int32(1..) =5
ParentReference: group str(..253,/group) ="gateway.networking.k8s.io"; kind str(1..63,/kind) ="Gateway"; name!
  str(1..253); namespace str(1..63,/label); port int32(1..65535); sectionName str(1..253,/subdomain)
"""

PATTERNS = {
    "hostname": r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
    "group": r"^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
    "kind": r"^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$",
    "label": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
    "subdomain": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
    "header": r"^[A-Za-z0-9!#$%&'*+\-.^_\x60|~]+$",
    "origin": r"(^\*$)|(^(http(s)?):\/\/(((\*\.)?([a-zA-Z0-9\-]+\.)*[a-zA-Z0-9-]+|\*)(:([0-9]{1,5}))?)$)",
    "duration": r"^([0-9]{1,5}(h|m|s|ms)){1,4}$",
    "reason": r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
    "condition": (
        r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]"
        r"*)?[A-Za-z0-9])$"
    ),
    "controller": (
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[A-Za-z0-9\/\-._~%!$&'()*+,;="
        r":]+$"
    ),
    "addressType": (
        r"^Hostname|IPAddress|NamedAddress|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)"
        r"*\/[A-Za-z0-9\/\-._~%!$&'()*+,;=:]+$"
    ),
    "labelValue": r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$",
    "protocol": (
        r"^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-"
        r"z0-9])?)*\/[A-Za-z0-9]+$"
    ),
}
"""Patterns of texts by the names that the table uses."""

_WAITING = {
    "lastTransitionTime": "1970-01-01T00:00:00Z",
    "message": "Waiting for controller",
    "reason": "Pending",
    "status": "Unknown",
}
_CLASS = [{**_WAITING, "type": "Accepted"}]
_GATEWAY = [{**_WAITING, "type": "Accepted"}, {**_WAITING, "type": "Programmed"}]
DEFAULTS = {
    "NEW_CLASS": {"conditions": _CLASS},
    "NEW_CLASS_CONDITIONS": _CLASS,
    "NEW_GATEWAY": {"conditions": _GATEWAY},
    "NEW_GATEWAY_CONDITIONS": _GATEWAY,
}
"""Defaults that are too long for the table, by the words that stand for them."""
