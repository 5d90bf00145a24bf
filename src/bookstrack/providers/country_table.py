"""Wikidata ids of countries with the successor's or own ISO 3166 code and the label we show.

One line each: id, code, label. Historical states come last.
"""

from __future__ import annotations

COUNTRY_LINES = """
Q889 AF Afghanistan
Q222 AL Albania
Q262 DZ Algeria
Q228 AD Andorra
Q916 AO Angola
Q781 AG Antigua and Barbuda
Q414 AR Argentina
Q399 AM Armenia
Q21203 AW Aruba
Q408 AU Australia
Q40 AT Austria
Q227 AZ Azerbaijan
Q778 BS Bahamas
Q398 BH Bahrain
Q902 BD Bangladesh
Q244 BB Barbados
Q184 BY Belarus
Q31 BE Belgium
Q242 BZ Belize
Q962 BJ Benin
Q23635 BM Bermuda
Q917 BT Bhutan
Q750 BO Bolivia
Q225 BA Bosnia and Herzegovina
Q963 BW Botswana
Q155 BR Brazil
Q921 BN Brunei
Q219 BG Bulgaria
Q965 BF Burkina Faso
Q967 BI Burundi
Q424 KH Cambodia
Q1009 CM Cameroon
Q16 CA Canada
Q1011 CV Cape Verde
Q5785 KY Cayman Islands
Q929 CF Central African Republic
Q657 TD Chad
Q298 CL Chile
Q148 CN China
Q739 CO Colombia
Q970 KM Comoros
Q800 CR Costa Rica
Q224 HR Croatia
Q241 CU Cuba
Q25279 CW Curaçao
Q229 CY Cyprus
Q213 CZ Czech Republic
Q974 CD Democratic Republic of the Congo
Q35 DK Denmark
Q756617 DK Denmark
Q977 DJ Djibouti
Q784 DM Dominica
Q786 DO Dominican Republic
Q574 TL East Timor
Q736 EC Ecuador
Q79 EG Egypt
Q792 SV El Salvador
Q21 GB England
Q983 GQ Equatorial Guinea
Q986 ER Eritrea
Q191 EE Estonia
Q1050 SZ Eswatini
Q115 ET Ethiopia
Q4628 FO Faroe Islands
Q712 FJ Fiji
Q33 FI Finland
Q142 FR France
Q3769 GF French Guiana
Q30971 PF French Polynesia
Q1000 GA Gabon
Q1005 GM Gambia
Q230 GE Georgia
Q183 DE Germany
Q117 GH Ghana
Q1410 GI Gibraltar
Q41 GR Greece
Q223 GL Greenland
Q769 GD Grenada
Q17012 GP Guadeloupe
Q16635 GU Guam
Q774 GT Guatemala
Q25230 GG Guernsey
Q1006 GN Guinea
Q1007 GW Guinea-Bissau
Q734 GY Guyana
Q790 HT Haiti
Q783 HN Honduras
Q8646 HK Hong Kong
Q28 HU Hungary
Q189 IS Iceland
Q668 IN India
Q252 ID Indonesia
Q794 IR Iran
Q796 IQ Iraq
Q27 IE Ireland
Q9676 IM Isle of Man
Q801 IL Israel
Q38 IT Italy
Q1008 CI Ivory Coast
Q766 JM Jamaica
Q17 JP Japan
Q785 JE Jersey
Q810 JO Jordan
Q232 KZ Kazakhstan
Q114 KE Kenya
Q710 KI Kiribati
Q1246 XK Kosovo
Q817 KW Kuwait
Q813 KG Kyrgyzstan
Q819 LA Laos
Q211 LV Latvia
Q822 LB Lebanon
Q1013 LS Lesotho
Q1014 LR Liberia
Q1016 LY Libya
Q347 LI Liechtenstein
Q37 LT Lithuania
Q32 LU Luxembourg
Q14773 MO Macau
Q1019 MG Madagascar
Q1020 MW Malawi
Q833 MY Malaysia
Q826 MV Maldives
Q912 ML Mali
Q233 MT Malta
Q709 MH Marshall Islands
Q17054 MQ Martinique
Q1025 MR Mauritania
Q1027 MU Mauritius
Q96 MX Mexico
Q702 FM Micronesia
Q217 MD Moldova
Q235 MC Monaco
Q711 MN Mongolia
Q236 ME Montenegro
Q1028 MA Morocco
Q1029 MZ Mozambique
Q836 MM Myanmar
Q1030 NA Namibia
Q697 NR Nauru
Q837 NP Nepal
Q55 NL Netherlands
Q29999 NL Netherlands
Q33788 NC New Caledonia
Q664 NZ New Zealand
Q811 NI Nicaragua
Q1032 NE Niger
Q1033 NG Nigeria
Q423 KP North Korea
Q221 MK North Macedonia
Q26 GB Northern Ireland
Q20 NO Norway
Q842 OM Oman
Q843 PK Pakistan
Q695 PW Palau
Q219060 PS Palestine
Q804 PA Panama
Q691 PG Papua New Guinea
Q733 PY Paraguay
Q419 PE Peru
Q928 PH Philippines
Q36 PL Poland
Q45 PT Portugal
Q1183 PR Puerto Rico
Q846 QA Qatar
Q971 CG Republic of the Congo
Q218 RO Romania
Q159 RU Russia
Q1037 RW Rwanda
Q17070 RE Réunion
Q763 KN Saint Kitts and Nevis
Q760 LC Saint Lucia
Q757 VC Saint Vincent and the Grenadines
Q683 WS Samoa
Q238 SM San Marino
Q851 SA Saudi Arabia
Q22 GB Scotland
Q1041 SN Senegal
Q403 RS Serbia
Q1042 SC Seychelles
Q1044 SL Sierra Leone
Q334 SG Singapore
Q214 SK Slovakia
Q215 SI Slovenia
Q685 SB Solomon Islands
Q1045 SO Somalia
Q258 ZA South Africa
Q884 KR South Korea
Q958 SS South Sudan
Q29 ES Spain
Q854 LK Sri Lanka
Q1049 SD Sudan
Q730 SR Suriname
Q34 SE Sweden
Q39 CH Switzerland
Q858 SY Syria
Q1039 ST São Tomé and Príncipe
Q865 TW Taiwan
Q863 TJ Tajikistan
Q924 TZ Tanzania
Q869 TH Thailand
Q945 TG Togo
Q678 TO Tonga
Q754 TT Trinidad and Tobago
Q948 TN Tunisia
Q43 TR Turkey
Q874 TM Turkmenistan
Q672 TV Tuvalu
Q1036 UG Uganda
Q212 UA Ukraine
Q878 AE United Arab Emirates
Q145 GB United Kingdom
Q30 US United States
Q11703 VI United States Virgin Islands
Q77 UY Uruguay
Q265 UZ Uzbekistan
Q686 VU Vanuatu
Q237 VA Vatican City
Q717 VE Venezuela
Q881 VN Vietnam
Q25 GB Wales
Q6250 EH Western Sahara
Q805 YE Yemen
Q953 ZM Zambia
Q954 ZW Zimbabwe
Q15180 RU Soviet Union
Q34266 RU Russian Empire
Q36704 RS Yugoslavia
Q83286 RS Socialist Federal Republic of Yugoslavia
Q191077 RS Kingdom of Yugoslavia
Q37024 RS Serbia and Montenegro
Q43287 DE German Empire
Q41304 DE Weimar Republic
Q7318 DE Nazi Germany
Q16957 DE East Germany
Q713750 DE West Germany
Q27306 DE Kingdom of Prussia
Q33946 CZ Czechoslovakia
Q28513 AT Austria-Hungary
Q131964 AT Austrian Empire
Q171150 HU Kingdom of Hungary
Q129286 IN British Raj
Q12560 TR Ottoman Empire
Q174193 GB United Kingdom of Great Britain and Ireland
Q161885 GB Kingdom of Great Britain
Q179876 GB Kingdom of England
Q230791 GB Kingdom of Scotland
Q172579 IT Kingdom of Italy
Q70972 FR Kingdom of France
Q188712 JP Empire of Japan
Q8733 CN Qing dynasty
Q193714 PS Mandatory Palestine
Q124943 EG Kingdom of Egypt
Q207272 PL Second Polish Republic
"""
